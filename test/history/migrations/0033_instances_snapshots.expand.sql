create table instances_snapshots (
  id integer primary key autoincrement not null,
  instance_id integer not null,
  name text not null,
  creation_date datetime not null default 0,
  stateful integer not null default 0,
  description text,
  unique (instance_id, name),
  foreign key (instance_id) references instances (id) on delete cascade
);
create table instances_snapshots_config (
  id integer primary key autoincrement not null,
  instance_snapshot_id integer not null,
  key text not null,
  value text,
  unique (instance_snapshot_id, key),
  foreign key (instance_snapshot_id) references instances_snapshots (id) on delete cascade
);
create table instances_snapshots_devices (
  id integer primary key autoincrement not null,
  instance_snapshot_id integer not null,
  name text not null,
  type integer not null default 0,
  unique (instance_snapshot_id, name),
  foreign key (instance_snapshot_id) references instances_snapshots (id) on delete cascade
);
create table instances_snapshots_devices_config (
  id integer primary key autoincrement not null,
  instance_snapshot_device_id integer not null,
  key text not null,
  value text,
  unique (instance_snapshot_device_id, key),
  foreign key (instance_snapshot_device_id) references instances_snapshots_devices (id) on delete cascade
);
