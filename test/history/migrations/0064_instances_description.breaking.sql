-- quorate: recreate = instances
pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table instances_new (
  id integer primary key autoincrement not null,
  node_id integer not null,
  name text not null,
  architecture integer not null,
  type integer not null,
  ephemeral integer not null default 0,
  creation_date datetime not null default 0,
  stateful integer not null default 0,
  last_use_date datetime,
  description text not null default '',
  project_id integer not null,
  expiry_date datetime,
  unique (project_id, name),
  foreign key (node_id) references nodes (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade
);
insert into instances_new select id, node_id, name, architecture, type, ephemeral, creation_date, stateful, last_use_date, description, project_id, null from instances;
drop table instances;
alter table instances_new rename to instances;
