-- projects is referenced by eleven tables
pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table projects_new (
  id integer primary key autoincrement not null,
  name text not null,
  description text not null default '',
  unique (name)
);
insert into projects_new select id, name, description from projects;
drop table projects;
alter table projects_new rename to projects;
