create table networks_zones (
  id integer primary key autoincrement not null,
  project_id integer not null,
  name text not null,
  description text not null,
  unique (name),
  foreign key (project_id) references projects (id) on delete cascade
);
create table networks_zones_config (
  id integer primary key autoincrement not null,
  network_zone_id integer not null,
  key text not null,
  value text,
  unique (network_zone_id, key),
  foreign key (network_zone_id) references networks_zones (id) on delete cascade
);
insert into networks_zones (project_id, name, description) values (1, 'lab.example.org', '');
