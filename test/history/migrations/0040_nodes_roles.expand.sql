create table nodes_roles (
  node_id integer not null,
  role integer not null,
  foreign key (node_id) references nodes (id) on delete cascade,
  unique (node_id, role)
);
insert into nodes_roles (node_id, role) select id, 0 from nodes where id > 1;
