create table operations (
  id integer primary key autoincrement not null,
  uuid text not null,
  node_id integer not null,
  unique (uuid),
  foreign key (node_id) references nodes (id) on delete cascade
);
