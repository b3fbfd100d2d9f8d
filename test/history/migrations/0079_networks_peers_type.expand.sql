alter table networks_peers add column type integer not null default 0;
create index networks_peers_target on networks_peers (target_network_id);
