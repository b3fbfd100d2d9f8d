pragma foreign_keys = off;
create table images_aliases_new (
  id integer primary key autoincrement not null,
  name text not null,
  image_id integer not null,
  description text,
  project_id integer not null,
  unique (project_id, name),
  foreign key (image_id) references images (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade
);
insert into images_aliases_new select a.id, a.name, a.image_id, a.description, i.project_id from images_aliases a join images i on i.id = a.image_id;
drop table images_aliases;
alter table images_aliases_new rename to images_aliases;
