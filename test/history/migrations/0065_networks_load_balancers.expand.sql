create table networks_load_balancers (
  id integer primary key autoincrement not null,
  network_id integer not null,
  node_id integer,
  listen_address text not null,
  description text not null,
  backends text not null,
  ports text not null,
  unique (network_id, node_id, listen_address),
  foreign key (network_id) references networks (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade
);
create table networks_load_balancers_config (
  id integer primary key autoincrement not null,
  network_load_balancer_id integer not null,
  key text not null,
  value text,
  unique (network_load_balancer_id, key),
  foreign key (network_load_balancer_id) references networks_load_balancers (id) on delete cascade
);
