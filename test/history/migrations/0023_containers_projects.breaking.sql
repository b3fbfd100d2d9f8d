-- every container belongs to a project; the table is referenced by four others
pragma foreign_keys = off;
create table containers_new (
  id integer primary key autoincrement not null,
  node_id integer not null,
  name text not null,
  architecture integer not null,
  type integer not null,
  ephemeral integer not null default 0,
  creation_date datetime not null default 0,
  stateful integer not null default 0,
  last_use_date datetime,
  description text,
  project_id integer not null,
  unique (project_id, name),
  foreign key (node_id) references nodes (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade
);
insert into containers_new (id, node_id, name, architecture, type, ephemeral, creation_date, stateful, last_use_date, description, project_id)
  select id, node_id, name, architecture, type, ephemeral, creation_date, stateful, last_use_date, description, 1 from containers;
drop table containers;
alter table containers_new rename to containers;
create index containers_node on containers (node_id);
