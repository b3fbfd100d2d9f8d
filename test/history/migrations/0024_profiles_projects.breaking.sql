pragma foreign_keys = off;
create table profiles_new (
  id integer primary key autoincrement not null,
  name text not null,
  description text,
  project_id integer not null,
  unique (project_id, name),
  foreign key (project_id) references projects (id) on delete cascade
);
insert into profiles_new select id, name, description, 1 from profiles;
drop table profiles;
alter table profiles_new rename to profiles;
insert into profiles (name, description, project_id) values ('default', 'Default profile of lab', 2);
