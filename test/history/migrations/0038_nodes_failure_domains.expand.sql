create table nodes_failure_domains (
  id integer primary key autoincrement not null,
  name text not null,
  unique (name)
);
insert into nodes_failure_domains (name) values ('default'), ('rack-1');
alter table nodes add column failure_domain_id integer references nodes_failure_domains (id) on delete set null;
update nodes set failure_domain_id = 2 where id = 3;
