create table storage_pools (
  id integer primary key autoincrement not null,
  name text not null,
  driver text not null,
  description text,
  state integer not null default 0,
  unique (name)
);
create table storage_pools_config (
  id integer primary key autoincrement not null,
  storage_pool_id integer not null,
  node_id integer,
  key text not null,
  value text,
  unique (storage_pool_id, node_id, key),
  foreign key (storage_pool_id) references storage_pools (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade
);
create table storage_pools_nodes (
  id integer primary key autoincrement not null,
  storage_pool_id integer not null,
  node_id integer not null,
  unique (storage_pool_id, node_id),
  foreign key (storage_pool_id) references storage_pools (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade
);
insert into storage_pools (name, driver) values ('local', 'zfs'), ('remote', 'ceph');
insert into storage_pools_config (storage_pool_id, node_id, key, value) values (1, 2, 'size', '10GiB'), (1, 3, 'size', '20GiB'), (2, null, 'pool', 'rbd');
insert into storage_pools_nodes (storage_pool_id, node_id) select p.id, n.id from storage_pools p, nodes n where n.name <> 'none';
