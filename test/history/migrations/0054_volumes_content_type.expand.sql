drop view storage_volumes_all;
alter table storage_volumes add column content_type integer not null default 0;
create view storage_volumes_all (id, name, storage_pool_id, node_id, type, description, project_id, content_type, expiry_date) as
  select id, name, storage_pool_id, node_id, type, description, project_id, content_type, null from storage_volumes
  union
  select s.id, v.name || '/' || s.name, v.storage_pool_id, v.node_id, v.type, s.description, v.project_id, v.content_type, s.expiry_date
  from storage_volumes v join storage_volumes_snapshots s on v.id = s.storage_volume_id;
