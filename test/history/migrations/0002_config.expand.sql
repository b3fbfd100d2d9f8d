create table config (
  id integer primary key autoincrement not null,
  key varchar(255) not null,
  value text,
  unique (key)
);
insert into config (key, value) values ('core.https_address', ':8443'), ('images.auto_update_interval', '6');
