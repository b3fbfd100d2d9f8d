create table networks (
  id integer primary key autoincrement not null,
  name text not null,
  description text,
  state integer not null default 0,
  unique (name)
);
create table networks_config (
  id integer primary key autoincrement not null,
  network_id integer not null,
  node_id integer,
  key text not null,
  value text,
  unique (network_id, node_id, key),
  foreign key (network_id) references networks (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade
);
create table networks_nodes (
  id integer primary key autoincrement not null,
  network_id integer not null,
  node_id integer not null,
  unique (network_id, node_id),
  foreign key (network_id) references networks (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade
);
insert into networks (name, state) values ('br0', 1), ('ovn0', 1);
insert into networks_config (network_id, key, value) values (1, 'ipv4.address', '10.1.0.1/24'), (2, 'network', 'br0');
insert into networks_nodes (network_id, node_id) values (1, 2), (1, 3), (2, 2);
