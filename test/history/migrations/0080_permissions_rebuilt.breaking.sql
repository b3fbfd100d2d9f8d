-- quorate: recreate = auth_groups
pragma foreign_keys = off;
pragma legacy_alter_table = on;
create table auth_groups_new (
  id integer primary key autoincrement not null,
  name text not null collate nocase,
  description text not null default '',
  created_date datetime not null default '2026-01-01',
  unique (name),
  check (length(name) between 1 and 63)
);
insert into auth_groups_new (id, name, description) select id, name, description from auth_groups;
drop table auth_groups;
alter table auth_groups_new rename to auth_groups;
