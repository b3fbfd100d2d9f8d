create table images_nodes (
  id integer primary key autoincrement not null,
  image_id integer not null,
  node_id integer not null,
  unique (image_id, node_id),
  foreign key (image_id) references images (id) on delete cascade,
  foreign key (node_id) references nodes (id) on delete cascade
);
insert into images_nodes (image_id, node_id) select i.id, n.id from images i, nodes n where n.id > 1;
