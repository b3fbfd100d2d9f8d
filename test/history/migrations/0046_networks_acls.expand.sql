create table networks_acls (
  id integer primary key autoincrement not null,
  project_id integer not null,
  name text not null,
  description text not null,
  ingress text not null,
  egress text not null,
  unique (project_id, name),
  foreign key (project_id) references projects (id) on delete cascade
);
create table networks_acls_config (
  id integer primary key autoincrement not null,
  network_acl_id integer not null,
  key text not null,
  value text,
  unique (network_acl_id, key),
  foreign key (network_acl_id) references networks_acls (id) on delete cascade
);
insert into networks_acls (project_id, name, description, ingress, egress) values (1, 'web', '', '[]', '[]');
