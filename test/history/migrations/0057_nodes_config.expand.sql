create table nodes_config (
  id integer primary key autoincrement not null,
  node_id integer not null,
  key text not null,
  value text,
  foreign key (node_id) references nodes (id) on delete cascade,
  unique (node_id, key)
);
insert into nodes_config (node_id, key, value) select id, 'scheduler.instance', 'all' from nodes where id > 1;
