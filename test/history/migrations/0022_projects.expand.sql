create table projects (
  id integer primary key autoincrement not null,
  name text not null,
  description text,
  unique (name)
);
create table projects_config (
  id integer primary key autoincrement not null,
  project_id integer not null,
  key text not null,
  value text,
  foreign key (project_id) references projects (id) on delete cascade,
  unique (project_id, key)
);
insert into projects (name, description) values ('default', 'Default project'), ('lab', null);
insert into projects_config (project_id, key, value) values (1, 'features.images', 'true'), (1, 'features.profiles', 'true'), (2, 'features.images', 'false');
