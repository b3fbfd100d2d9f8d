-- volumes and their snapshots share one sequence of numbers
create trigger storage_volumes_check_id before insert on storage_volumes
  when new.id in (select id from storage_volumes_snapshots) begin
    select raise(fail, 'invalid ID');
  end;
create trigger storage_volumes_snapshots_check_id before insert on storage_volumes_snapshots
  when new.id in (select id from storage_volumes) begin
    select raise(fail, 'invalid ID');
  end;
create view storage_volumes_all (id, name, storage_pool_id, node_id, type, description, project_id, expiry_date) as
  select id, name, storage_pool_id, node_id, type, description, project_id, null from storage_volumes
  union
  select s.id, v.name || '/' || s.name, v.storage_pool_id, v.node_id, v.type, s.description, v.project_id, s.expiry_date
  from storage_volumes v join storage_volumes_snapshots s on v.id = s.storage_volume_id;
