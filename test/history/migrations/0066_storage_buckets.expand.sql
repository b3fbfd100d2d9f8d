create table storage_buckets (
  id integer primary key autoincrement not null,
  name text not null,
  storage_pool_id integer not null,
  node_id integer,
  description text not null,
  project_id integer not null,
  unique (node_id, name),
  foreign key (storage_pool_id) references storage_pools (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade
);
create unique index storage_buckets_unique_storage_pool_id_node_id_name
  on storage_buckets (storage_pool_id, ifnull(node_id, -1), name);
create table storage_buckets_config (
  id integer primary key autoincrement not null,
  storage_bucket_id integer not null,
  key text not null,
  value text not null,
  unique (storage_bucket_id, key),
  foreign key (storage_bucket_id) references storage_buckets (id) on delete cascade
);
create table storage_buckets_keys (
  id integer primary key autoincrement not null,
  storage_bucket_id integer not null,
  name text not null,
  description text not null,
  access_key text not null,
  secret_key text not null,
  role text not null,
  unique (storage_bucket_id, name),
  foreign key (storage_bucket_id) references storage_buckets (id) on delete cascade
);
