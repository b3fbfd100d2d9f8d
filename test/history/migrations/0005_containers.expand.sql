create table containers (
  id integer primary key autoincrement not null,
  node_id integer not null,
  name varchar(255) not null,
  architecture integer not null,
  type integer not null,
  ephemeral integer not null default 0,
  creation_date datetime not null default 0,
  unique (name),
  foreign key (node_id) references nodes (id) on delete cascade
);
insert into containers (node_id, name, architecture, type, creation_date) values (2, 'web', 2, 0, 1), (2, 'db', 2, 0, 2), (3, 'mail', 2, 0, 3), (3, 'db/snap0', 2, 1, 4);
