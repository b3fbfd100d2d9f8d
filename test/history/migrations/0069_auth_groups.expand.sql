create table auth_groups (
  id integer primary key autoincrement not null,
  name text not null,
  description text not null,
  unique (name)
);
create table auth_groups_permissions (
  id integer primary key autoincrement not null,
  auth_group_id integer not null,
  entity_type integer not null,
  entitlement text not null,
  entity_id integer not null,
  foreign key (auth_group_id) references auth_groups (id) on delete cascade,
  unique (auth_group_id, entity_type, entitlement, entity_id)
);
insert into auth_groups (name, description) values ('operators', '');
insert into auth_groups_permissions (auth_group_id, entity_type, entitlement, entity_id) select 1, 7, 'can_view', id from projects;
