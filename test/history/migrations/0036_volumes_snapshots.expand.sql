create table storage_volumes_snapshots (
  id integer primary key not null,
  storage_volume_id integer not null,
  name text not null,
  description text,
  expiry_date datetime,
  unique (storage_volume_id, name),
  foreign key (storage_volume_id) references storage_volumes (id) on delete cascade
);
create table storage_volumes_snapshots_config (
  id integer primary key autoincrement not null,
  storage_volume_snapshot_id integer not null,
  key text not null,
  value text,
  unique (storage_volume_snapshot_id, key),
  foreign key (storage_volume_snapshot_id) references storage_volumes_snapshots (id) on delete cascade
);
