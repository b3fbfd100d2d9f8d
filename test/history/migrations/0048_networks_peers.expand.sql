create table networks_peers (
  id integer primary key autoincrement not null,
  network_id integer not null,
  name text not null,
  description text not null,
  target_network_project text,
  target_network_name text,
  target_network_id integer,
  unique (network_id, name),
  unique (network_id, target_network_project, target_network_name),
  unique (network_id, target_network_id),
  foreign key (network_id) references networks (id) on delete cascade
);
create table networks_peers_config (
  id integer primary key autoincrement not null,
  network_peer_id integer not null,
  key text not null,
  value text,
  unique (network_peer_id, key),
  foreign key (network_peer_id) references networks_peers (id) on delete cascade
);
