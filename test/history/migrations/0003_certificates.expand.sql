create table certificates (
  id integer primary key autoincrement not null,
  fingerprint varchar(255) not null,
  type integer not null,
  name varchar(255) not null,
  certificate text not null,
  unique (fingerprint)
);
insert into certificates (fingerprint, type, name, certificate) values ('ab01', 1, 'admin', '-----BEGIN-----'), ('ab02', 1, 'metrics', '-----BEGIN-----');
