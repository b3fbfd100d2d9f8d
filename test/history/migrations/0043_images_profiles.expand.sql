create table images_profiles (
  image_id integer not null,
  profile_id integer not null,
  foreign key (image_id) references images (id) on delete cascade,
  foreign key (profile_id) references profiles (id) on delete cascade,
  unique (image_id, profile_id)
);
insert into images_profiles (image_id, profile_id)
  select images.id, profiles.id from images join profiles on profiles.project_id = images.project_id and profiles.name = 'default';
