create table containers_config (
  id integer primary key autoincrement not null,
  container_id integer not null,
  key varchar(255) not null,
  value text,
  foreign key (container_id) references containers (id) on delete cascade,
  unique (container_id, key)
);
insert into containers_config (container_id, key, value) select id, 'limits.cpu', id from containers;
