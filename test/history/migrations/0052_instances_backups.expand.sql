create table instances_backups (
  id integer primary key autoincrement not null,
  instance_id integer not null,
  name varchar(255) not null,
  creation_date datetime,
  expiry_date datetime,
  container_only integer not null default 0,
  optimized_storage integer not null default 0,
  foreign key (instance_id) references instances (id) on delete cascade,
  unique (instance_id, name)
);
insert into instances_backups (instance_id, name, creation_date) values (1, 'web/backup0', '2026-02-03');
