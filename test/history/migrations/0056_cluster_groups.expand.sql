create table cluster_groups (
  id integer primary key autoincrement not null,
  name text not null,
  description text not null,
  unique (name)
);
create table nodes_cluster_groups (
  id integer primary key autoincrement not null,
  node_id integer not null,
  group_id integer not null,
  foreign key (node_id) references nodes (id) on delete cascade,
  foreign key (group_id) references cluster_groups (id) on delete cascade,
  unique (node_id, group_id)
);
insert into cluster_groups (name, description) values ('default', 'Default cluster group');
insert into nodes_cluster_groups (node_id, group_id) select id, 1 from nodes where id > 1;
