-- pending becomes state; nodes is referenced by eight tables
pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table nodes_new (
  id integer primary key autoincrement not null,
  name text not null,
  description text not null default '',
  address text not null,
  schema integer not null,
  api_extensions integer not null,
  heartbeat datetime default current_timestamp,
  state integer not null default 0,
  arch integer not null default 0 check (arch >= 0),
  failure_domain_id integer default null references nodes_failure_domains (id) on delete set null,
  unique (name),
  unique (address)
);
insert into nodes_new (id, name, description, address, schema, api_extensions, heartbeat, state, arch, failure_domain_id)
  select id, name, coalesce(description, ''), address, schema_version, api_extensions, heartbeat, pending, arch, failure_domain_id from nodes;
drop table nodes;
alter table nodes_new rename to nodes;
