pragma foreign_keys = off;
create table images_new (
  id integer primary key autoincrement not null,
  fingerprint text not null,
  filename text not null,
  size integer not null,
  public integer not null default 0,
  architecture integer not null,
  creation_date datetime,
  expiry_date datetime,
  upload_date datetime not null,
  cached integer not null default 0,
  last_use_date datetime,
  auto_update integer not null default 0,
  project_id integer not null,
  unique (project_id, fingerprint),
  foreign key (project_id) references projects (id) on delete cascade
);
insert into images_new (id, fingerprint, filename, size, public, architecture, creation_date, expiry_date, upload_date, cached, last_use_date, project_id)
  select id, fingerprint, filename, size, public, architecture, creation_date, expiry_date, upload_date, cached, last_use_date, 1 from images;
drop table images;
alter table images_new rename to images;
