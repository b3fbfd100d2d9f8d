pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table networks_new (
  id integer primary key autoincrement not null,
  project_id integer not null,
  name text not null,
  description text not null default '',
  state integer not null default 0,
  type integer not null default 0,
  unique (project_id, name),
  foreign key (project_id) references projects (id) on delete cascade
);
insert into networks_new (id, project_id, name, description, state)
  select id, 1, name, coalesce(description, ''), state from networks;
update networks_new set type = 3 where name like 'ovn%';
drop table networks;
alter table networks_new rename to networks;
