pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table images_source_new (
  id integer primary key autoincrement not null,
  image_id integer not null,
  server text not null,
  protocol integer not null,
  certificate text not null default '',
  alias text not null,
  unique (image_id),
  foreign key (image_id) references images (id) on delete cascade
);
insert into images_source_new select id, image_id, server, protocol, certificate, alias from images_source;
drop table images_source;
alter table images_source_new rename to images_source;
