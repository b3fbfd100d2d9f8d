create table storage_volumes (
  id integer primary key autoincrement not null,
  name text not null,
  storage_pool_id integer not null,
  node_id integer not null,
  type integer not null,
  description text,
  unique (storage_pool_id, node_id, name, type),
  foreign key (storage_pool_id) references storage_pools (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade
);
create table storage_volumes_config (
  id integer primary key autoincrement not null,
  storage_volume_id integer not null,
  key text not null,
  value text,
  unique (storage_volume_id, key),
  foreign key (storage_volume_id) references storage_volumes (id) on delete cascade
);
insert into storage_volumes (name, storage_pool_id, node_id, type) select name, 1, node_id, 0 from containers;
insert into storage_volumes_config (storage_volume_id, key, value) select id, 'size', '5GiB' from storage_volumes;
