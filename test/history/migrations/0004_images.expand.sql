create table images (
  id integer primary key autoincrement not null,
  fingerprint varchar(255) not null,
  filename varchar(255) not null,
  size integer not null,
  public integer not null default 0,
  architecture integer not null,
  creation_date datetime,
  expiry_date datetime,
  upload_date datetime not null,
  unique (fingerprint)
);
create table images_properties (
  id integer primary key autoincrement not null,
  image_id integer not null,
  type integer not null,
  key varchar(255) not null,
  value text,
  foreign key (image_id) references images (id) on delete cascade
);
create table images_aliases (
  id integer primary key autoincrement not null,
  name varchar(255) not null,
  image_id integer not null,
  description varchar(255),
  foreign key (image_id) references images (id) on delete cascade,
  unique (name)
);
insert into images (fingerprint, filename, size, architecture, upload_date) values ('f00d', 'noble.tar.xz', 1234, 2, '2026-01-01'), ('beef', 'trixie.tar.xz', 999, 2, '2026-01-02');
insert into images_properties (image_id, type, key, value) values (1, 0, 'os', 'ubuntu'), (2, 0, 'os', 'debian');
insert into images_aliases (name, image_id) values ('default', 1);
