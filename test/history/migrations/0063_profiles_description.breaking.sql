pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table profiles_new (
  id integer primary key autoincrement not null,
  name text not null,
  description text not null default '',
  project_id integer not null,
  unique (project_id, name),
  foreign key (project_id) references projects (id) on delete cascade
);
insert into profiles_new select id, name, description, project_id from profiles;
drop table profiles;
alter table profiles_new rename to profiles;
