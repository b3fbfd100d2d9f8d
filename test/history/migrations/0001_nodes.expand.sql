create table nodes (
  id integer primary key autoincrement not null,
  name text not null,
  description text,
  address text not null,
  schema_version integer not null default 1,
  heartbeat datetime default current_timestamp,
  unique (name),
  unique (address)
);
insert into nodes (name, address) values ('none', '0.0.0.0'), ('n1', '10.0.0.1:8443'), ('n2', '10.0.0.2:8443');
