import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = False
    dependencies = [("shop", "0002_catalog")]
    operations = [
        migrations.CreateModel(
            name="Blog",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("author", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.user")),
                ("title", models.CharField(max_length=200)),
                ("slug", models.CharField(max_length=200, unique=True)),
                ("body", models.TextField()),
                ("published_at", models.DateTimeField(db_index=True, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Comment",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("blog", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.blog")),
                ("author", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="shop.user")),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField(db_index=True)),
            ],
        ),
    ]
