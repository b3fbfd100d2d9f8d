create table networks_zones_records (
  id integer primary key autoincrement not null,
  network_zone_id integer not null,
  name text not null,
  description text not null,
  entries text not null,
  unique (network_zone_id, name),
  foreign key (network_zone_id) references networks_zones (id) on delete cascade
);
create table networks_zones_records_config (
  id integer primary key autoincrement not null,
  network_zone_record_id integer not null,
  key text not null,
  value text,
  unique (network_zone_record_id, key),
  foreign key (network_zone_record_id) references networks_zones_records (id) on delete cascade
);
