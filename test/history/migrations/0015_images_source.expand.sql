create table images_source (
  id integer primary key autoincrement not null,
  image_id integer not null,
  server text not null,
  protocol integer not null,
  certificate text not null,
  alias varchar(255) not null,
  foreign key (image_id) references images (id) on delete cascade
);
insert into images_source (image_id, server, protocol, certificate, alias) values (1, 'https://images.example.org', 1, '', 'noble');
