create table containers_devices (
  id integer primary key autoincrement not null,
  container_id integer not null,
  name varchar(255) not null,
  type integer not null default 0,
  foreign key (container_id) references containers (id) on delete cascade,
  unique (container_id, name)
);
create table containers_devices_config (
  id integer primary key autoincrement not null,
  container_device_id integer not null,
  key varchar(255) not null,
  value text,
  foreign key (container_device_id) references containers_devices (id) on delete cascade,
  unique (container_device_id, key)
);
insert into containers_devices (container_id, name, type) select id, 'root', 2 from containers;
insert into containers_devices_config (container_device_id, key, value) select id, 'path', '/' from containers_devices;
