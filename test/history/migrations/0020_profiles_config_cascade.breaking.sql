-- quorate: recreate = profiles_config
pragma foreign_keys = off;
create table profiles_config_new (
  id integer primary key autoincrement not null,
  profile_id integer not null,
  key varchar(255) not null,
  value text,
  unique (profile_id, key),
  foreign key (profile_id) references profiles (id) on delete cascade
);
insert into profiles_config_new select id, profile_id, key, value from profiles_config;
drop table profiles_config;
alter table profiles_config_new rename to profiles_config;
