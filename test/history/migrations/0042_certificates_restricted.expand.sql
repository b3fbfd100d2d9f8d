alter table certificates add column restricted integer not null default 0;
create table certificates_projects (
  certificate_id integer not null,
  project_id integer not null,
  foreign key (certificate_id) references certificates (id) on delete cascade,
  foreign key (project_id) references projects (id) on delete cascade,
  unique (certificate_id, project_id)
);
insert into certificates_projects values (2, 2);
update certificates set restricted = 1 where id = 2;
