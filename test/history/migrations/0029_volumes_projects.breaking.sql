pragma foreign_keys = off;
create table storage_volumes_new (
  id integer primary key autoincrement not null,
  name text not null,
  storage_pool_id integer not null,
  node_id integer not null,
  type integer not null,
  description text,
  project_id integer not null,
  unique (storage_pool_id, node_id, project_id, name, type),
  foreign key (storage_pool_id) references storage_pools (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade
);
insert into storage_volumes_new select id, name, storage_pool_id, node_id, type, description, 1 from storage_volumes;
drop table storage_volumes;
alter table storage_volumes_new rename to storage_volumes;
