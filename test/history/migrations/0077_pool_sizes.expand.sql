alter table storage_volumes add column size_bytes integer;
update storage_volumes set size_bytes = (
  select cast(value as integer) * 1073741824 from storage_volumes_config c where c.storage_volume_id = storage_volumes.id and c.key = 'size');
create index storage_volumes_size on storage_volumes (size_bytes desc) where size_bytes is not null;
