-- volumes of remote pools have no node; the triggers and the view stay
-- quorate: recreate = storage_volumes
pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table storage_volumes_new (
  id integer primary key autoincrement not null,
  name text not null,
  storage_pool_id integer not null,
  node_id integer,
  type integer not null,
  description text not null default '',
  project_id integer not null,
  content_type integer not null default 0,
  unique (storage_pool_id, node_id, project_id, name, type),
  foreign key (storage_pool_id) references storage_pools (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade
);
insert into storage_volumes_new select id, name, storage_pool_id, node_id, type, coalesce(description, ''), project_id, content_type from storage_volumes;
drop table storage_volumes;
alter table storage_volumes_new rename to storage_volumes;
