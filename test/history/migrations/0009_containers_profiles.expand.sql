create table containers_profiles (
  id integer primary key autoincrement not null,
  container_id integer not null,
  profile_id integer not null,
  apply_order integer not null default 0,
  unique (container_id, profile_id),
  foreign key (container_id) references containers (id) on delete cascade,
  foreign key (profile_id) references profiles (id) on delete cascade
);
insert into containers_profiles (container_id, profile_id) select id, 1 from containers;
