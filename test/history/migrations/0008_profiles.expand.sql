create table profiles (
  id integer primary key autoincrement not null,
  name varchar(255) not null,
  description text,
  unique (name)
);
create table profiles_config (
  id integer primary key autoincrement not null,
  profile_id integer not null,
  key varchar(255) not null,
  value varchar(255),
  unique (profile_id, key),
  foreign key (profile_id) references profiles (id)
);
create table profiles_devices (
  id integer primary key autoincrement not null,
  profile_id integer not null,
  name varchar(255) not null,
  type integer not null default 0,
  unique (profile_id, name),
  foreign key (profile_id) references profiles (id) on delete cascade
);
create table profiles_devices_config (
  id integer primary key autoincrement not null,
  profile_device_id integer not null,
  key varchar(255) not null,
  value text,
  unique (profile_device_id, key),
  foreign key (profile_device_id) references profiles_devices (id) on delete cascade
);
insert into profiles (name, description) values ('default', 'Default profile'), ('docker', null);
insert into profiles_config (profile_id, key, value) values (1, 'limits.memory', '1GiB'), (2, 'security.nesting', 'true');
insert into profiles_devices (profile_id, name, type) values (1, 'eth0', 1);
insert into profiles_devices_config (profile_device_id, key, value) values (1, 'parent', 'br0');
