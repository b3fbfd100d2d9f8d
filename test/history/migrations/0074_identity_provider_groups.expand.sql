create table identity_provider_groups (
  id integer primary key autoincrement not null,
  name text not null,
  unique (name)
);
create table auth_groups_identity_provider_groups (
  id integer primary key autoincrement not null,
  auth_group_id integer not null,
  identity_provider_group_id integer not null,
  foreign key (auth_group_id) references auth_groups (id) on delete cascade,
  foreign key (identity_provider_group_id) references identity_provider_groups (id) on delete cascade,
  unique (auth_group_id, identity_provider_group_id)
);
