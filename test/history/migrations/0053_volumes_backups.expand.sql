create table storage_volumes_backups (
  id integer primary key autoincrement not null,
  storage_volume_id integer not null,
  name text not null,
  creation_date datetime,
  expiry_date datetime,
  volume_only integer not null default 0,
  optimized_storage integer not null default 0,
  foreign key (storage_volume_id) references storage_volumes (id) on delete cascade,
  unique (storage_volume_id, name)
);
