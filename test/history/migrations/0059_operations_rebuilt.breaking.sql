-- quorate: recreate = operations
pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table operations_new (
  id integer primary key autoincrement not null,
  uuid text not null,
  node_id integer not null,
  type integer not null default 0,
  project_id integer,
  unique (uuid),
  foreign key (node_id) references nodes (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade
);
insert into operations_new select id, uuid, node_id, type, project_id from operations;
drop table operations;
alter table operations_new rename to operations;
