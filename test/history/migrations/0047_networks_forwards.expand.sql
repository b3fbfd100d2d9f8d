create table networks_forwards (
  id integer primary key autoincrement not null,
  network_id integer not null,
  node_id integer,
  listen_address text not null,
  description text not null,
  ports text not null,
  unique (network_id, node_id, listen_address),
  foreign key (network_id) references networks (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade
);
create table networks_forwards_config (
  id integer primary key autoincrement not null,
  network_forward_id integer not null,
  key text not null,
  value text,
  unique (network_forward_id, key),
  foreign key (network_forward_id) references networks_forwards (id) on delete cascade
);
